-- All that belongs to the extension in this database, a line each, in an order that does not depend on numbers of
-- objects: two databases with the same lines have the same extension. Rows of its tables are no part of it, but for
-- those that CREATE EXTENSION writes.
\pset format unaligned
\pset tuples_only on
set search_path = '';

create function pg_temp.rights(acl aclitem[]) returns text language sql as $$
    select coalesce((select string_agg(concat_ws(':', case grantee when 0 then 'public' else grantee::pg_catalog.regrole::text end, privilege_type, is_grantable),
                                       ' ' order by grantee::pg_catalog.regrole::text collate "C", privilege_type collate "C")
                     from aclexplode(acl)), 'as made') $$;

create temporary table member as
    select d.classid, d.objid, (pg_identify_object(d.classid, d.objid, 0)).type as kind, (pg_identify_object(d.classid, d.objid, 0)).identity as name
    from pg_catalog.pg_depend d join pg_catalog.pg_extension e on e.oid = d.refobjid
    where d.refclassid = 'pg_catalog.pg_extension'::regclass and e.extname = 'tenancy' and d.deptype = 'e'
    union all
    select 'pg_catalog.pg_namespace'::regclass, oid, 'schema', nspname from pg_catalog.pg_namespace where nspname = 'tenancy';

create temporary table member_relation as
    select c.* from pg_catalog.pg_class c join member m on m.classid = 'pg_catalog.pg_class'::regclass and m.objid = c.oid;

select line from (
    select concat_ws(' | ', m.kind, m.name, 'comment', obj_description(m.objid, m.classid::regclass::text::name)) as line from member m
    union all
    select concat_ws(' | ', 'schema', n.nspname, n.nspowner::regrole, pg_temp.rights(n.nspacl)) from pg_catalog.pg_namespace n where nspname = 'tenancy'
    union all
    select concat_ws(' | ', 'routine', m.name, p.prokind, p.proowner::regrole, pg_temp.rights(p.proacl), p.probin, p.procost, p.prorows, p.prosupport,
                     case when p.prokind in ('f', 'p') then pg_get_functiondef(p.oid) end)
    from pg_catalog.pg_proc p join member m on m.classid = 'pg_catalog.pg_proc'::regclass and m.objid = p.oid
    union all
    select concat_ws(' | ', 'aggregate', m.name, a.*::text)
    from pg_catalog.pg_aggregate a join member m on m.classid = 'pg_catalog.pg_proc'::regclass and m.objid = a.aggfnoid
    union all
    select concat_ws(' | ', 'relation', c.relname, c.relkind, c.relpersistence, c.relowner::regrole, pg_temp.rights(c.relacl), c.reloptions,
                     c.relrowsecurity, c.relforcerowsecurity, case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end)
    from member_relation c
    union all
    select concat_ws(' | ', 'column', c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
                     a.attstorage, a.attcollation::regcollation, pg_temp.rights(a.attacl), pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))
    from pg_catalog.pg_class c join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_catalog.pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = 'tenancy'::regnamespace and c.relkind <> 'i'
    union all
    select concat_ws(' | ', 'constraint', c.relname, k.conname, pg_get_constraintdef(k.oid), k.convalidated, obj_description(k.oid, 'pg_constraint'))
    from member_relation c join pg_catalog.pg_constraint k on k.conrelid = c.oid
    union all
    select concat_ws(' | ', 'index', c.relname, pg_get_indexdef(i.indexrelid), i.indisprimary, i.indisvalid)
    from member_relation c join pg_catalog.pg_index i on i.indrelid = c.oid
    union all
    select concat_ws(' | ', 'trigger', c.relname, pg_get_triggerdef(t.oid), t.tgenabled)
    from member_relation c join pg_catalog.pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
    union all
    select concat_ws(' | ', 'event trigger', t.evtname, t.evtevent, t.evtfoid::regproc, t.evtenabled, t.evttags, t.evtowner::regrole)
    from pg_catalog.pg_event_trigger t join member m on m.classid = 'pg_catalog.pg_event_trigger'::regclass and m.objid = t.oid
    union all
    select concat_ws(' | ', 'policy', c.relname, p.polname, p.polcmd, p.polpermissive, p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid),
                     pg_get_expr(p.polwithcheck, p.polrelid), obj_description(p.oid, 'pg_policy'))
    from member_relation c join pg_catalog.pg_policy p on p.polrelid = c.oid
    union all
    select concat_ws(' | ', 'type', m.name, t.typtype, t.typowner::regrole, pg_temp.rights(t.typacl), t.typnotnull, t.typdefault, format_type(t.typbasetype, t.typtypmod),
                     (select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = t.oid))
    from pg_catalog.pg_type t join member m on m.classid = 'pg_catalog.pg_type'::regclass and m.objid = t.oid
    union all
    select concat_ws(' | ', 'operator', m.name, o.oprcode, o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash, o.oprowner::regrole,
                     o.oprcom::regoperator, o.oprnegate::regoperator)
    from pg_catalog.pg_operator o join member m on m.classid = 'pg_catalog.pg_operator'::regclass and m.objid = o.oid
    union all
    select concat_ws(' | ', 'operator class', m.name, c.opcintype::regtype, c.opcdefault, c.opckeytype::regtype, c.opcowner::regrole)
    from pg_catalog.pg_opclass c join member m on m.classid = 'pg_catalog.pg_opclass'::regclass and m.objid = c.oid
    union all
    select concat_ws(' | ', 'member of family', f.opfname, a.amopstrategy, a.amopopr::regoperator, a.amoppurpose, a.amoplefttype::regtype, a.amoprighttype::regtype)
    from pg_catalog.pg_amop a join pg_catalog.pg_opfamily f on f.oid = a.amopfamily where f.opfnamespace = 'tenancy'::regnamespace
    union all
    select concat_ws(' | ', 'support of family', f.opfname, a.amprocnum, a.amproc::regprocedure, a.amproclefttype::regtype, a.amprocrighttype::regtype)
    from pg_catalog.pg_amproc a join pg_catalog.pg_opfamily f on f.oid = a.amprocfamily where f.opfnamespace = 'tenancy'::regnamespace
    union all
    select concat_ws(' | ', 'rule', rule::text) from tenancy.rule
    union all
    select concat_ws(' | ', 'dumped', r.relation::regclass, c.condition)
    from pg_catalog.pg_extension e, unnest(e.extconfig) with ordinality r (relation, at), unnest(e.extcondition) with ordinality c (condition, at)
    where e.extname = 'tenancy' and r.at = c.at
    union all
    select concat_ws(' | ', 'setting of database', s.setrole::regrole, c.name)
    from pg_catalog.pg_db_role_setting s, unnest(s.setconfig) c (name) where s.setdatabase = (select oid from pg_catalog.pg_database where datname = current_database())
) everything (line)
order by line collate "C";
