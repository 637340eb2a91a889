-- What the peers serve: the demo's patients under the policy that their guides teach. The tenant is a custom setting, which
-- each transaction sets for itself. The rows come from standard input, in the columns' order.

create table patients (
    id         bigint primary key,
    tenant_id  bigint not null,
    first_name text   not null,
    last_name  text   not null,
    dob        date   not null,
    unique (tenant_id, id)
);
\copy patients from pstdin csv

alter table patients enable row level security;
create policy tenant on patients using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select on patients to :peer;
analyze patients;
