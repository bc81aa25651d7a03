//! A thread to which the system refuses `sendmmsg`, as containers do.
use std::io;
use std::thread;

/// Runs `test` in a thread of its own. What it is given has the system refuse the call with `errno` to
/// this thread, from then on; false where that is not possible.
pub(super) fn without_sendmmsg(errno: i32, test: impl FnOnce(&dyn Fn() -> bool) + Send) {
    let refuse = move || match refuse(libc::SYS_sendmmsg, errno) {
        Ok(()) => true,
        Err(error) => {
            println!("skipped: no filter of system calls here: {error}");
            false
        }
    };
    thread::scope(|scope| {
        let ended = scope.spawn(|| test(&refuse)).join();
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    });
}

fn refuse(call: libc::c_long, errno: i32) -> io::Result<()> {
    let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt,
        jf,
        k,
    };
    let call = u32::try_from(call).unwrap();
    let errno = libc::SECCOMP_RET_ERRNO | u32::try_from(errno).unwrap();
    let mut steps = [
        // The number of the call stands first.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, errno, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog { len: 4, filter: steps.as_mut_ptr() };
    // SAFETY: both calls change this thread alone; the second reads the program, which points to its four
    // steps, before it returns.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}
