//! Signing in and out, tokens, app passwords, and the limits on guesses.
