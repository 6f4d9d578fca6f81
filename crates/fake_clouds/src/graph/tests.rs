//! Claims about the fake itself, through its door.
