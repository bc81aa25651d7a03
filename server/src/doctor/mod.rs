//! `pinhole doctor`.
