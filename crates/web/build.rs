//! Has the page that is built in follow its files: nothing else tells cargo that they are read.

fn main() {
    println!("cargo::rerun-if-changed=page");
    println!("cargo::rerun-if-changed=vendor");
}
