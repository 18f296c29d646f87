#!/bin/sh
# A night's run for cron, with one ledger and one history. It passes the exit status of the run on, and its arguments
# to the run: ci/nightly.sh [CLAUSE …] [OPTION …]
#
#   REFUND_CONFORMANCE_HOME     a directory that stays: the environment, the ledger, the reports
#   REFUND_CONFORMANCE_TARGET   the settings (target.toml); a fresh check-out may bring them
#   REFUND_CONFORMANCE_PACKAGE  what pip installs, once for each value: the path or address of a wheel, or a check-out
#   REFUND_CONFORMANCE_CONSTRAINTS  the constraints.txt of that version (optional)
#   REFUND_CONFORMANCE_PROFILE  nightly unless set
#
# In a crontab, at 3:23 (mail goes out if a line is printed, which is so if anything is wrong):
#
#   23 3 * * *  . /etc/refund-conformance.env && /opt/refund-conformance/ci/nightly.sh
set -eu

home=${REFUND_CONFORMANCE_HOME:?is not set: name a directory that stays}
target=${REFUND_CONFORMANCE_TARGET:?is not set: name the target.toml}
package=${REFUND_CONFORMANCE_PACKAGE:?is not set: name a wheel or a check-out}
constraints=${REFUND_CONFORMANCE_CONSTRAINTS:-}
profile=${REFUND_CONFORMANCE_PROFILE:-nightly}
python=${PYTHON:-python3}

umask 077
mkdir -p "$home/reports"
if ! mkdir "$home/running" 2>/dev/null; then
  echo "A run is under way, or was killed: $home/running exists. Remove it if there is none." >&2
  exit 3
fi
trap 'rmdir "$home/running"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

install() {
  rm -rf "$home/venv"
  "$python" -m venv "$home/venv"
  set -- "$package"
  if [ -n "$constraints" ]; then set -- -c "$constraints" "$@"; fi
  "$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
  printf '%s\n' "$wanted" > "$home/installed"
}

# The environment is made anew when the package is another one: by its name, or by the content of the file.
wanted=$package
if [ -f "$package" ]; then wanted="$package $(cksum < "$package")"; fi
if [ "$(cat "$home/installed" 2>/dev/null || true)" != "$wanted" ]; then install; fi
PATH="$home/venv/bin:$PATH"

# A settings file that is checked out anew each night finds its ledger again, unless it names one itself.
settings=$home/target.toml
cp "$target" "$settings"

status=0
refund-conformance doctor --target "$settings" > "$home/doctor.txt" || status=$?
if [ "$status" -ne 0 ]; then
  cat "$home/doctor.txt"
  exit "$status"
fi
refund-conformance run --target "$settings" --profile "$profile" --report "$home/reports/latest" "$@" \
  > "$home/run.txt" 2>&1 || status=$?

# All nights share one history, beside `latest`; each night's pages are kept under its date.
night=$home/reports/nights/$(date -u +%Y-%m-%dT%H%M%SZ)
mkdir -p "$night"
cp -R "$home/reports/latest/." "$night"
if [ "$status" -ne 0 ]; then
  cat "$home/run.txt"
else
  # A waiver that ends soon, or is of no use any more, is worth a mail as well.
  grep '^Waiver of ' "$home/run.txt" || true
fi
exit "$status"
