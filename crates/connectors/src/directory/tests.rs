use super::*;

mod links;
mod many;
mod roots;
mod trash;
mod watching;
mod world;
mod writes;

mod contract {
    crate::contract::check!(super::world::Folder::open);
}

mod read_only {
    mod contract {
        crate::contract::check!(super::super::world::Folder::open_read_only);
    }
}
