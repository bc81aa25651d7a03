//! What is counted: one function for each case, by whose name callgrind switches its counting on and off.

use std::hint::black_box;

macro_rules! cases {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            #[inline(never)]
            pub fn $name(action: &mut dyn FnMut()) {
                action();
                // Keeps functions of the same body apart, and the call above from being a jump.
                black_box(stringify!($name));
            }
        )*
    };
}

cases! {
    /// A picture of 17 kB cut into packets.
    packetize_17_kb
    /// A keyframe of 100 kB cut into packets.
    packetize_100_kb
    /// A picture of 17 kB to one viewer.
    frame_to_1
    /// The same to ten.
    frame_to_10
    /// The same to fifty.
    frame_to_50
    /// The same to ten whose paths are estimated, and their reports, all timers too.
    estimated_frame_to_10
    /// A second of those ten while nothing is sent, all timers.
    idle_estimated_second_of_10
    /// A picture of 1 kB, one packet, to ten viewers.
    small_frame_to_10
    /// The same to a thousand.
    small_frame_to_1000
    /// A viewer's check, with ten sessions.
    check_of_10
    /// The same with a thousand.
    check_of_1000
    /// A viewer's report, with ten sessions.
    report_of_10
    /// The same with a thousand.
    report_of_1000
    /// A viewer's request for an IDR, with ten sessions.
    keyframe_request_of_10
    /// The same with a thousand.
    keyframe_request_of_1000
    /// A second in which nothing is sent, with ten sessions.
    idle_second_of_10
    /// The same with a thousand.
    idle_second_of_1000
    /// An offer answered, with ten sessions.
    answer_beside_10
    /// The same with a thousand.
    answer_beside_1000
    /// An answer of another program with its addresses mapped.
    rewrite_sdp
}
