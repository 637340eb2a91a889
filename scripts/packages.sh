# shellcheck shell=bash
#
# The Debian packages that this project needs, and their installation when one is missing.
# Installing must not leave a running server behind: a machine without PostgreSQL would get
# a "main" cluster as a service, and that is not ours to create.

PACKAGES_UP=(
    ca-certificates curl
    g++ make cmake pkg-config
    "postgresql-$PG_MAJOR" "postgresql-server-dev-$PG_MAJOR" libpq-dev
    libcpp-httplib-dev nlohmann-json3-dev libcli11-dev libssl-dev libcrypt-dev zlib1g-dev
    libsystemd-dev prometheus-cpp-dev
    libgtest-dev
)
# Programs that tests start themselves. Their packages would start them as services of the machine.
PACKAGES_SERVICES=(pgbouncer nginx)
# What reads the code. The long ones only `lint` runs.
PACKAGES_LINT_QUICK=(shellcheck cppcheck)
PACKAGES_TEST=(
    pgtap libtap-parser-sourcehandler-pgtap-perl
    clang libclang-rt-dev valgrind
    systemd
    chromium fonts-dejavu-core # the letters of the pictures that tests compare
    python3-psycopg python3-psycopg-pool python3-psycopg2 python3-sqlalchemy python3-django
    ruby-pg ruby-connection-pool ruby-activerecord ruby-actionpack
    "${PACKAGES_LINT_QUICK[@]}"
    "${PACKAGES_SERVICES[@]}"
)
PACKAGES_LINT=("${PACKAGES_LINT_QUICK[@]}" clang-tidy clang-format)
# For the examples in compiled languages, which only `test clients` runs.
PACKAGES_CLIENTS=(
    default-jdk-headless libpostgresql-jdbc-java libhikaricp-java libslf4j-java
    golang-go golang-github-jackc-pgx-v4-dev
)

# For `make bench`.
# shellcheck disable=SC2034 # bench/run reads it
PACKAGES_BENCH=(wrk "${PACKAGES_SERVICES[@]}")

POLICY_RC=/usr/sbin/policy-rc.d
CREATECLUSTER_DIR=/etc/postgresql-common/createcluster.d
CREATECLUSTER_DROPIN=$CREATECLUSTER_DIR/zz-pgtenancy-no-main-cluster.conf

# ensure_packages NAME…: installs those that are missing; runs apt only then.
ensure_packages() {
    local -a missing=()
    local name
    allow_main_cluster # a killed run could not
    allow_services
    for name in "$@"; do
        package_installed "$name" || missing+=("$name")
    done
    ((${#missing[@]})) || return 0

    [[ -x /usr/bin/apt-get ]] ||
        die "these Debian packages are missing and there is no apt-get: ${missing[*]}"
    step "installing packages: ${missing[*]}"
    # Ask for the password here, in the open, rather than in the middle of logged output.
    am_root || as_root true
    if package_installed "postgresql-$PG_MAJOR"; then
        finish_interrupted_installation
        logged apt-update apt_get update
        forbid_services "${missing[@]}"
        logged apt-install apt_get install "${missing[@]}"
        allow_services
    else
        forbid_main_cluster
        finish_interrupted_installation
        logged apt-update apt_get update
        package_installed postgresql-common ||
            logged apt-postgresql-common apt_get install postgresql-common
        verify_no_main_cluster
        forbid_services "${missing[@]}"
        logged apt-install apt_get install "${missing[@]}"
        allow_services
        allow_main_cluster
    fi
}

package_installed() {
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

apt_get() {
    # The variables must reach apt through sudo as well, hence env. Waiting for another
    # apt beats failing beside an unattended upgrade.
    as_root env DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none \
        apt-get -y -q -o DPkg::Lock::Timeout=300 --no-install-recommends "$@" </dev/null
}

# After a Ctrl-C during an earlier `up`, apt would ask for this first; done here, it is done while
# no cluster can come of it.
finish_interrupted_installation() {
    if [[ -n $(dpkg --audit) || -n $(ls /var/lib/dpkg/updates 2>/dev/null) ]]; then
        step "finishing an installation that was interrupted"
        logged dpkg-configure as_root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a
    fi
}

# A file of our own beside postgresql-common's configuration: nothing of the machine's is
# edited, and taking the file away puts everything back as it was.
forbid_main_cluster() {
    CREATECLUSTER_DIR_WAS_MISSING=
    [[ -d $CREATECLUSTER_DIR ]] || CREATECLUSTER_DIR_WAS_MISSING=yes
    on_exit allow_main_cluster
    as_root mkdir -p "$CREATECLUSTER_DIR"
    as_root tee "$CREATECLUSTER_DROPIN" >/dev/null <<'CONF'
# Only there while pgtenancy's setup.sh installs PostgreSQL; see its scripts/packages.sh.
create_main_cluster = false
CONF
}

# forbid_services NAME…: of the packages to be installed, no service starts, now or with the machine. A policy that the
# machine has already is left in force.
forbid_services() {
    local name
    SERVICES_TO_DISABLE=()
    for name in "${PACKAGES_SERVICES[@]}"; do
        [[ " $* " != *" $name "* ]] || SERVICES_TO_DISABLE+=("$name.service")
    done
    if ((${#SERVICES_TO_DISABLE[@]} == 0)) || [[ -e $POLICY_RC ]]; then return 0; fi
    on_exit allow_services
    printf '#!/bin/sh\n# Only there while pgtenancy installs packages for its tests.\nexit 101\n' |
        as_root tee "$POLICY_RC" >/dev/null
    as_root chmod 755 "$POLICY_RC"
}

allow_services() {
    local name
    for name in ${SERVICES_TO_DISABLE[@]+"${SERVICES_TO_DISABLE[@]}"}; do
        [[ ! -x /usr/bin/systemctl ]] || as_root systemctl --quiet disable "$name" || true
    done
    SERVICES_TO_DISABLE=()
    if grep -qs 'pgtenancy installs packages' "$POLICY_RC"; then as_root rm -f "$POLICY_RC"; fi
}

verify_no_main_cluster() {
    local shown
    shown=$(pg_conftool /etc/postgresql-common/createcluster.conf show -bs create_main_cluster || true)
    [[ $shown == off ]] ||
        die "could not keep postgresql-$PG_MAJOR from creating and starting a cluster named main.
Add the line  include_dir '$CREATECLUSTER_DIR'  to /etc/postgresql-common/createcluster.conf, or install postgresql-$PG_MAJOR yourself."
}

allow_main_cluster() {
    [[ -e $CREATECLUSTER_DROPIN ]] || return 0
    as_root rm -f "$CREATECLUSTER_DROPIN"
    if [[ ${CREATECLUSTER_DIR_WAS_MISSING:-} ]]; then
        as_root rmdir --ignore-fail-on-non-empty "$CREATECLUSTER_DIR"
    fi
}
