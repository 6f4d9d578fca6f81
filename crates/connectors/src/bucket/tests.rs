//! Buckets of real services, without and with trouble on the way to them.

#[path = "../../../content/src/tests/emulators.rs"]
#[allow(dead_code)]
mod emulators;
mod faults;
mod hand;
mod s3s;
mod settings;
mod world;

mod s3 {
    crate::contract::check!(
        crate::bucket::tests::world::Service::s3,
        crate::bucket::tests::world::BucketWorld::on
    );
}

mod b2 {
    crate::contract::check!(
        crate::bucket::tests::world::Service::b2,
        crate::bucket::tests::world::BucketWorld::on
    );
}

/// Which lists neither tags nor what stands for a folder.
mod plain {
    crate::contract::check!(
        crate::bucket::tests::world::Service::plain,
        crate::bucket::tests::world::BucketWorld::on
    );
}

mod azure {
    crate::contract::check!(
        crate::bucket::tests::world::Service::azure,
        crate::bucket::tests::world::BucketWorld::on
    );
}
