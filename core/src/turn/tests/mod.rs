//! An allocation against servers of all tempers.
