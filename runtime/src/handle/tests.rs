use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::Doorbell;
use crate::command::{COMMANDS_MAX, CommandReceiver, CommandSender, NextCommand, command_queue};
use crate::outlets::outlets;

fn end_of(commands: CommandSender) -> LoopEnd {
    let (living, asking) = (Arc::default(), AtomicUsize::new(0));
    LoopEnd { commands, port: 5000, living, asking, viewers_max: 64 }
}

fn handle() -> (Handle, CommandReceiver, Arc<AtomicUsize>) {
    let rings = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&rings);
    let bell = Doorbell::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let (sender, receiver) = command_queue(bell);
    (Handle::new(end_of(sender), outlets().1), receiver, rings)
}

/// Polls once: enough to queue the command.
fn start<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[test]
fn a_full_queue_answers_busy_at_once() {
    let (handle, _receiver, _) = handle();
    let mut waiting: Vec<_> = (0..COMMANDS_MAX).map(|_| Box::pin(handle.snapshot())).collect();
    for future in &mut waiting {
        assert!(start(future.as_mut()).is_pending());
    }

    let answer = start(std::pin::pin!(handle.rtp_clock()));

    assert!(matches!(answer, std::task::Poll::Ready(Err(HandleError::Busy))), "{answer:?}");
}

#[test]
fn a_loop_that_ends_with_commands_queued_answers_gone() {
    let (handle, receiver, _) = handle();
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(handle.snapshot())).collect();
    for future in &mut waiting {
        assert!(start(future.as_mut()).is_pending());
    }

    drop(receiver);

    for future in &mut waiting {
        let answer = start(future.as_mut());
        assert!(matches!(answer, std::task::Poll::Ready(Err(HandleError::Gone))));
    }
    let late = start(std::pin::pin!(handle.shut_down()));
    assert!(matches!(late, std::task::Poll::Ready(Err(HandleError::Gone))));
}

#[test]
fn dropping_the_last_handle_rings_and_leaves_nobody() {
    let (handle, receiver, rings) = handle();
    let other = handle.clone();
    drop(handle);
    assert!(matches!(receiver.next(), NextCommand::None));
    assert_eq!(rings.load(Ordering::SeqCst), 0);

    drop(other);

    assert_eq!(rings.load(Ordering::SeqCst), 1);
    assert!(matches!(receiver.next(), NextCommand::NobodyLeft));
}
