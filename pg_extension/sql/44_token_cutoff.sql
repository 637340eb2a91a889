-- Signed tokens that operators have taken back: a token has no row of its own to end, so a moment is kept, and what was
-- issued up to then is refused. src/token_cutoff.cpp counts on the order of the columns.

create table tenancy.token_cutoff (
  user_id text collate "C" not null,
  tenant_id text collate "C" not null,
  issued_until timestamptz not null,
  constraint token_cutoff_pkey primary key (user_id, tenant_id)
);
comment on table tenancy.token_cutoff is 'signed tokens taken back by tenancy.revoke_all() and rotate_secrets()';
comment on column tenancy.token_cutoff.user_id is 'whose tokens; empty: everybody''s';
comment on column tenancy.token_cutoff.tenant_id is 'in which tenant; empty: in every one, and in none';
comment on column tenancy.token_cutoff.issued_until is 'tokens issued up to this moment are refused';
revoke all on tenancy.token_cutoff from public;
select pg_catalog.pg_extension_config_dump('tenancy.token_cutoff', '');

create function tenancy.cut_tokens(user_id text, tenant_id text) returns void
  language sql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
  insert into tenancy.token_cutoff as c (user_id, tenant_id, issued_until)
  values (coalesce(cut_tokens.user_id, ''), coalesce(cut_tokens.tenant_id, ''), clock_timestamp())
  on conflict (user_id, tenant_id) do update set issued_until = greatest(c.issued_until, excluded.issued_until)
$function$;
comment on function tenancy.cut_tokens(text, text) is
  'internal: refuses the signed tokens that were issued up to now, of a user or of all, in a tenant or everywhere';
revoke execute on function tenancy.cut_tokens(text, text) from public;
