"""``python -m dutyd`` is the ``dutyd`` program."""

from dutyd.cli import main

if __name__ == "__main__":
    main()
