# Sourced by tests/run and deploy/demo: the Debian packages and the Python environment that they need.
# Both functions do nothing, quickly, when everything is there.

# ensure_packages NAME...: install those Debian packages that are missing; without root, say which, and return 2.
ensure_packages() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    echo "missing Debian packages; install them with:" >&2
    echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    return 2
  fi
  echo "installing ${missing[*]}" >&2
  # The packages' services are not wanted: what is needed is started by hand, on ports of its own.
  local policy=/usr/sbin/policy-rc.d made=
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && made=yes
  fi
  local status=0
  apt_install "${missing[@]}" || { apt-get update -qq && apt_install "${missing[@]}"; } || status=2
  [ -z "$made" ] || rm -f $policy
  return $status
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# find_python: print a Python that can run the gateway and make a virtual environment.
find_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
    if "$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return 0
    fi
  done
  echo "no Python 3.11 or later with venv found (Debian: python3 and python3-venv)" >&2
  return 2
}

# ensure_venv FOLDER [EXTRA]: a virtual environment there, with this package and an extra of it; made anew or brought up
# to date only when pyproject.toml has changed.
ensure_venv() {
  local folder=$1 extra=${2:-} python mark
  mark="$(cksum <pyproject.toml) $extra"
  if [ -x "$folder/bin/python" ] && "$folder/bin/python" -c '' 2>/dev/null && grep -qsF "$mark" "$folder/.installed"; then
    return 0
  fi
  python=$(find_python) || return
  echo "installing the package into ${folder##*/}" >&2
  "$folder/bin/python" -c '' 2>/dev/null || "$python" -m venv --clear "$folder" || return
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -e ".${extra:+[$extra]}" || return
  echo "$mark" >>"$folder/.installed"
}
