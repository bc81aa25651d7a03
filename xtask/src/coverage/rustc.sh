#!/bin/sh
# RUSTC_WORKSPACE_WRAPPER of `cargo xtask coverage`: counts what runs of the core, and lets tests, which
# link it, write down the counts. Everything else stays as it is built.
rustc=$1
shift
case " $* " in
*" --crate-name pinhole_core "* | *" --test "*) exec "$rustc" "$@" -C instrument-coverage ;;
*) exec "$rustc" "$@" ;;
esac
