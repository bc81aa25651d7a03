//! TURN as a client: an allocation that keeps itself alive.
