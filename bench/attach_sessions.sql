-- As many sessions as the variable "many" says, with tokens that the scripts can make up. A last use in the future: nothing is
-- written once a minute in between.
truncate tenancy.session;
insert into tenancy.session (token_hash, user_id, tenant_id, last_used_at, expires_at, password_fingerprint)
select sha256(convert_to(lpad(n::text, 43, 'A'), 'UTF8')), (n % 10000 + 1)::text, ((n % 10000 + 1) % 1000)::text,
       now() + interval '1 hour', now() + interval '12 hours', sha256(convert_to('$2b$04$' || repeat('x', 53), 'UTF8'))
  from generate_series(1, :many) n;
vacuum analyze tenancy.session;
checkpoint;
