-- Old minor releases have holes in row security itself, below anything an extension can do.

do $minor$
declare
  trouble pg_catalog.text := tenancy.release_trouble(pg_catalog.current_setting('server_version_num')::pg_catalog.int4);
begin
  if trouble is not null then
    raise warning using
      message = 'this release of PostgreSQL does not keep tenants apart',
      hint = trouble || '.';
  end if;
end
$minor$;
