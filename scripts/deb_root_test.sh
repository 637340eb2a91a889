#!/usr/bin/env bash
#
# What scripts/deb test does inside a clean root that has PostgreSQL and the packages in /packages: installs, uses, upgrades, purges
# and installs them again, on a cluster and a database that were there before. No systemd runs there.

passed=0
failed=0
# check WHAT COMMAND…
check() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
        printf 'ok %d - %s\n' $((passed + failed)) "$what"
    else
        failed=$((failed + 1))
        printf 'not ok %d - %s\n' $((passed + failed)) "$what"
        printf '%s\n' "$output" | tail -n 20 | sed 's/^/#   /'
    fi
}
as_postgres() { (cd / && exec runuser -u postgres -- "$@"); }
sql() { as_postgres psql -X -q -A -t -v ON_ERROR_STOP=1 -d app -c "$1"; }
answers() { [[ $(sql "$1") == "$2" ]]; }
absent() { [[ ! -e $1 ]]; }
install_packages() { apt-get -y -q --no-install-recommends install /packages/postgresql-15-tenancy_*.deb /packages/tenancy-gateway_*.deb; }
again() { apt-get -y -q --reinstall install /packages/postgresql-15-tenancy_*.deb /packages/tenancy-gateway_*.deb; }
export DEBIAN_FRONTEND=noninteractive

# --- a cluster and an application that were there before ---
pg_createcluster 15 main --start >/dev/null
as_postgres createdb app
as_postgres psql -X -q -d app >/dev/null <<'SQL'
create role app_owner; alter database app owner to app_owner; set role app_owner;
create schema api;
create table api.account (id bigint primary key, user_name text, password_hash text);
create table api.invoice (id bigint primary key, tenant_id bigint, amount int);
insert into api.invoice values (1, 1, 10), (2, 2, 20);
create view api.accounts as select id as user_id, user_name, password_hash, false as is_admin from api.account;
create view api.memberships as select id as user_id, id as tenant_id, 'tenant ' || id as tenant_name from api.account;
SQL

# --- installed on it ---
apt-get -q update >/dev/null
check 'both packages install' install_packages
((failed == 0)) || { printf '%d passed, %d failed\n' "$passed" "$failed"; exit 1; }
check 'the extension is made in the database, without a restart' sql 'create extension tenancy'
check 'a library that the server preloads' as_postgres pg_conftool 15 main set shared_preload_libraries tenancy
check 'lets it start again' pg_ctlcluster 15 main restart
sql "insert into api.account values (1, 'ann', tenancy.hash_password('ann-secret'))"
check 'the directory is the application'"'"'s' sql "select tenancy.use_directory('api.accounts', 'api.memberships')"
check 'a table is protected' sql "select tenancy.protect('api.invoice')"
sql "grant usage on schema api to tenancy_user; create role gateway login password 'gateway-secret' in role tenancy_gateway; grant connect on database app to gateway"

# --- the gateway, started as its unit does ---
unit=/lib/systemd/system/tenancy-gateway.service
check 'the unit is there and names the program of the package' grep -q '^ExecStart=/usr/bin/tenancy-gateway --config=/etc/tenancy-gateway/gateway.conf' "$unit"
check 'it is not enabled before it can connect' absent /etc/systemd/system/multi-user.target.wants/tenancy-gateway.service
check 'its user is there' getent passwd tenancy-gateway
check 'nobody logs in as it' grep -q 'nologin$' <(getent passwd tenancy-gateway)
(umask 077 && echo 'host=127.0.0.1 dbname=app user=gateway password=gateway-secret' >/etc/tenancy-gateway/database-url)
install -m 400 -o tenancy-gateway /etc/tenancy-gateway/database-url /run/database-url
runuser -u tenancy-gateway -- env TENANCY_DATABASE_URL_FILE=/run/database-url TENANCY_LISTEN=127.0.0.1:0 TENANCY_PORT_FILE=/tmp/port \
    /usr/bin/tenancy-gateway --config=/etc/tenancy-gateway/gateway.conf >/tmp/gateway.log 2>&1 &
gateway=$!
for ((tries = 0; tries < 300; tries++)); do [[ -s /tmp/port ]] && break; sleep 0.1; done
address=http://127.0.0.1:$(cat /tmp/port)
check 'the gateway is ready with its configuration' curl -fsS --retry 20 --retry-connrefused "$address/readyz"
check 'it serves the page' bash -c "curl -fsS '$address/' | grep -qi '<!doctype html>'"
check 'it signs in' curl -fsS -c /tmp/jar -H "Origin: $address" -H 'Content-Type: application/json' -d '{"userName":"ann","password":"ann-secret"}' "$address/api/auth/login"
check 'and a tenant sees its own rows' bash -c "[[ \$(curl -fsS -b /tmp/jar '$address/api/invoice?select=id') == '[{\"id\":1}]' ]]"
pkill -P "$gateway" || true
wait "$gateway"

# --- again, over what somebody has edited ---
echo 'log-level = warning' >>/etc/tenancy-gateway/gateway.conf
check 'both packages install over themselves' again
check 'an edited configuration stays' grep -q '^log-level = warning' /etc/tenancy-gateway/gateway.conf
check 'so does the connection string' grep -q gateway-secret /etc/tenancy-gateway/database-url
check 'and the database' answers 'select count(*) from tenancy.protected' 1

# --- removed, purged, installed again ---
check 'they are removed' apt-get -y -q remove postgresql-15-tenancy tenancy-gateway
check 'the configuration stays then' test -s /etc/tenancy-gateway/gateway.conf
check 'without the library nobody reads rows' bash -c "cd / && runuser -u postgres -- psql -X -q -d app -c 'set role tenancy_user; select * from api.invoice' 2>&1 | grep -q 'could not access file'"
check 'they are purged' dpkg --purge tenancy-gateway postgresql-15-tenancy
check 'nothing of the configuration is left, the password in it least of all' absent /etc/tenancy-gateway
check 'nor of the extension' bash -c '! find /usr/lib/postgresql /usr/share/postgresql -name "*tenancy*" | grep -q .'
check 'nor of the gateway' bash -c '! find /usr/bin /usr/share /lib/systemd -name "tenancy-gateway*" -not -path "*/deb-systemd-helper*" | grep -q .'
check 'they install again' install_packages
check 'the server starts with the library' pg_ctlcluster 15 main restart
check 'the database is as it was' answers "select count(*) from tenancy.protected" 1
check 'and its check works' sql 'select count(*) from tenancy.check()'
pg_ctlcluster 15 main stop -m immediate
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
