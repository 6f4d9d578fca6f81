//! Google Drive v3, the part of v2 that writes under a condition, and Google's OAuth.
