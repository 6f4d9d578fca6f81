use super::*;

mod refusals;
mod server;
mod stub;

mod wsgidav {
    crate::contract::check!(
        crate::webdav::tests::server::Server::by_wsgidav,
        crate::webdav::tests::server::Served::on
    );
}

mod rclone {
    crate::contract::check!(crate::webdav::tests::server::Served::alone_by_rclone);
}
