#!/usr/bin/env bash
# Build what a release consists of: ci/build-release.sh TAG DIRECTORY. TAG may be empty for a trial.
#
# Wheel and source archive are built twice and must be the same byte for byte, have the version that the tag names,
# and pass `twine check`. Beside them: the constraints, the schemas, an SBOM of what the wheel installs, checksums.
# With BUILD_PYTHON set, that Python builds, and has build, hatchling, twine and cyclonedx-bom; else they are installed.
set -euo pipefail
cd "$(dirname "$0")/.."
tag=${1-}
out=$(realpath -m "${2:?name a directory}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python=${BUILD_PYTHON-}
isolation=(--no-isolation)
if [[ -z "$python" ]]; then
  python3 -m venv "$work/venv"
  python="$work/venv/bin/python"
  "$python" -m pip install --quiet --disable-pip-version-check -c constraints.txt build hatchling twine
  "$python" -m pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0
fi

version=$("$python" -c 'import re; print(re.search(r"__version__ = \"(.+)\"", open("src/refund_conformance/__init__.py").read())[1])')
if [[ -n "$tag" && "$tag" != "v$version" ]]; then
  echo "The tag is $tag and the version is $version. Change one of them." >&2
  exit 1
fi
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
for time in first second; do
  "$python" -m build "${isolation[@]}" --outdir "$work/$time" . > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
done
diff --recursive --brief "$work/first" "$work/second"

"$python" -m twine check --strict "$work"/first/*

mkdir -p "$out"
cp "$work"/first/* constraints.txt "$out"
cp schemas/*.json "$out"
if "$python" -c 'import cyclonedx_py' 2> /dev/null; then
  "$python" -m venv "$work/installed"
  "$work/installed/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt "$work"/first/*.whl
  "$python" -m cyclonedx_py environment "$work/installed" --output-file "$out/sbom.cdx.json"
elif [[ -n "$tag" ]]; then
  echo "cyclonedx-bom is missing, so there is no SBOM. Install it where BUILD_PYTHON is." >&2
  exit 1
fi
(cd "$out" && sha256sum -- *.whl *.tar.gz constraints.txt > SHA256SUMS)
