//! What rclone's file says, and what becomes of it.

mod files;
mod remotes;
