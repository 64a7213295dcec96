"""Allow ``python -m seasonet_build``."""

from seasonet_build.cli import main

if __name__ == "__main__":
    main()
