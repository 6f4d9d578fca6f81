//! Claims about Drive.
