"""python -m tests.replies.keep_snapshot: what is read now is what `test_snapshot.py` expects from now on."""

import sys

import tests.conftest  # noqa: F401 - the settings, before anything loads a model


def main() -> None:
    from tests.replies import snapshot

    now = {
        name: snapshot.kept(make())
        for shard in range(snapshot.SHARDS)
        for name, make in snapshot.cases(shard)
    }
    before = snapshot.known() if snapshot.KEPT.exists() else {}
    snapshot.KEPT.write_text(
        "".join(f"{name}\t{one.outcome}\t{one.digest}\n" for name, one in sorted(now.items()))
    )
    changed = list(snapshot.differences(before, now))
    sys.stdout.write("".join(f"{line}\n" for line in changed))
    new, gone = len(now.keys() - before.keys()), len(before.keys() - now.keys())
    sys.stdout.write(f"{len(now)} cases: {len(changed)} read otherwise, {new} new, {gone} gone.\n")


if __name__ == "__main__":
    main()
