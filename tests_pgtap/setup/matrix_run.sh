#!/usr/bin/env bash
#
# What tests_pgtap/matrix does inside a root: builds the extension twice, installs g++'s, makes a cluster and runs the tests.
# matrix_run.sh MAJOR 'FILES TO LEAVE OUT'
set -euo pipefail

major=$1
read -ra left_out <<<"$2"
bin=/usr/lib/postgresql/$major/bin
export PATH=$bin:$PATH
sources=/pgtenancy
as_postgres() { (cd / && exec runuser -u postgres -- "$@"); }

clang=$(compgen -c clang++ | grep -E '^clang\+\+(-[0-9]+)?$' | sort -V | tail -n 1)
mkdir -p $sources/clang
cp -a $sources/pg_extension/{Makefile,tenancy.control,sql,src,test} $sources/clang/
for compiler in g++ "$clang"; do
    folder=$sources/pg_extension
    [[ $compiler == g++ ]] || folder=$sources/clang
    make -C "$folder" -j "$(nproc)" CXX="$compiler" PG_CONFIG="$bin/pg_config" >/tmp/build.log 2>&1 || { cat /tmp/build.log; exit 1; }
    grep -E ': (warning|error):' /tmp/build.log && exit 1
    echo "# built with $compiler $("$compiler" -dumpversion), without warnings"
done
make -C $sources/pg_extension install faults install-faults PG_CONFIG="$bin/pg_config" >/tmp/install.log 2>&1 || { cat /tmp/install.log; exit 1; }

# A cluster as setup.sh makes it for tests.
cluster=/tmp/cluster
mkdir -m 755 "$cluster" && chown postgres: "$cluster"
password=$(head -c 16 /dev/urandom | base64)
(umask 077 && printf '%s\n' "$password" >"$cluster/password") && chown postgres: "$cluster/password"
as_postgres "$bin/initdb" -D "$cluster/data" -U postgres -E UTF8 --locale=C.UTF-8 --auth=scram-sha-256 --pwfile="$cluster/password" --no-sync >/dev/null
printf '%s\n' "listen_addresses = '127.0.0.1'" "port = 55432" "unix_socket_directories = '$cluster'" "shared_preload_libraries = 'tenancy'" \
    "fsync = off" "synchronous_commit = off" "full_page_writes = off" "max_connections = 200" "log_parameter_max_length = 0" \
    "log_parameter_max_length_on_error = 0" >>"$cluster/data/postgresql.conf"
as_postgres "$bin/pg_ctl" -D "$cluster/data" -w -t 60 -l "$cluster/log" start >/dev/null
export PGHOST=127.0.0.1 PGPORT=55432 PGUSER=postgres PGPASSFILE=/root/.pgpass
printf '127.0.0.1:55432:*:postgres:%s\n' "$password" >"$PGPASSFILE" && chmod 600 "$PGPASSFILE"

psql -X -q -d postgres -c 'create database pgtap template template0'
export PGDATABASE=pgtap
psql -X -q -c 'create extension pgtap'
cd $sources/tests_pgtap
psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -f setup/fixture.sql
for file in "${left_out[@]}"; do echo "# left out: $file"; done
scripts=()
for file in [0-9]*.sh; do [[ " ${left_out[*]} " == *" $file "* ]] || scripts+=("$file"); done
pg_prove --verbose [0-9]*.sql 2>&1 || true
prove --verbose --exec bash "${scripts[@]}" 2>&1 || true
echo '# all files were run'
