#!/usr/bin/env bash
# Finds the browser that tests of the labelling page drive: Chromium and its driver, of one version.
#
#   scripts/test-browser.sh
#
# Installs Debian's packages where they are missing and we may. Starts nothing: that is for the fixtures in
# tests/clouds/. Prints the paths of chromium and of chromedriver, one a line.
#
# Exit status 4: it cannot be done here; the last line on standard error is the reason.
set -euo pipefail

die() {
    printf '%s\n' "$1" >&2
    exit 4
}

# Prints the path of the first of some programs that is there.
first_of() {
    local name
    for name in "$@"; do
        if command -v "$name"; then return; fi
    done
    return 1
}

find_chromium() { first_of chromium chromium-browser google-chrome google-chrome-stable; }

find_driver() { first_of chromedriver; }

# Prints the number before the first dot in what a program says of its version.
major_version() {
    "$1" --version 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9]*\)\..*/\1/p' | head -n 1
}

install_browser() {
    command -v apt-get >/dev/null || die "no chromium with chromedriver here, and no apt-get to install them: install both"
    [[ $EUID -eq 0 ]] || die "no chromium with chromedriver here: install Debian's chromium and chromium-driver, or run this as root"
    apt-get update -q >&2 || die "no chromium with chromedriver here, and apt-get update failed: see above"
    # The font is for the text of the page: without recommended packages there might be none.
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 \
        chromium chromium-driver fonts-dejavu-core >&2 || die "apt-get could not install chromium and chromium-driver: see above"
}

main() {
    if [[ $# -gt 0 ]]; then
        echo "usage: scripts/test-browser.sh" >&2
        exit 2
    fi
    # Whatever else fails, callers get the promised status and a reason.
    trap 'status=$?; if ((status != 0 && status != 4)); then echo "the browser could not be prepared (status $status)" >&2; exit 4; fi' EXIT
    local chromium driver ours theirs
    if ! find_chromium >/dev/null || ! find_driver >/dev/null; then install_browser; fi
    chromium=$(find_chromium) || die "chromium was installed but is not on PATH"
    driver=$(find_driver) || die "chromium-driver was installed but is not on PATH"
    ours=$(major_version "$chromium") || die "$chromium does not tell its version"
    theirs=$(major_version "$driver") || die "$driver does not tell its version"
    [[ -n $ours && $ours == "$theirs" ]] || die "$chromium (version $ours) and $driver ($theirs) do not fit: install the same version of both"
    printf '%s\n' "$chromium" "$driver"
}

main "$@"
