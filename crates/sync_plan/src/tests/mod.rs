//! The planner by example: each case of the table, and what names, trees and providers make of them.

mod cases;
mod stage;
mod trees;
