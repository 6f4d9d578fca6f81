use super::*;

mod refusals;
mod server;
mod stub;

mod wsgidav {
    mod contract {
        crate::contract::check!(super::super::server::Served::by_wsgidav);
    }
}

mod rclone {
    mod contract {
        crate::contract::check!(super::super::server::Served::by_rclone);
    }
}
