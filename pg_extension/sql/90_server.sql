-- Old minor releases have holes in row security itself, below anything an extension can do.

do $minor$
declare
  trouble text := tenancy.release_trouble(pg_catalog.current_setting('server_version_num')::pg_catalog.int4);
begin
  if trouble is not null then
    raise warning using
      message = 'this release of PostgreSQL is not safe for tenants',
      detail = trouble || '.';
  end if;
end
$minor$;
