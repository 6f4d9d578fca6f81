//! The connector on the fake of Graph, as a drive of a person and as one of an organization.

mod business;
mod canary;
mod channels;
mod economy;
mod edits;
mod feed;
mod personal;
mod reads;
mod replaces;
mod resumes;
mod stand;
mod tokens;
mod uploads;
