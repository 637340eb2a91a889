-- tenancy.check(), accept() and withdraw(): their own behaviour; the rules have files of their own (61 and on).

begin;
select plan(18);

select is((select array_agg(r.name order by r.name) from tenancy.rule r),
          (select array_agg(substring(p.proname from 6)::name order by substring(p.proname from 6)::name) from pg_proc p where p.pronamespace = 'tenancy'::regnamespace and p.proname like 'rule\_%'),
          'each rule has a function of its name, and no function is without its rule');
select is((select count(*) from pg_proc p where p.pronamespace = 'tenancy'::regnamespace and p.proname like 'rule\_%'
            and has_function_privilege('shop_owner', p.oid, 'execute')), 0::bigint, 'which nobody but check() calls');

alter table shop.patient no force row level security;
select is((select c.severity from tenancy.check(array['rls_not_forced']::name[]) c), 'critical', 'a finding has its severity');
select lives_ok($$select tenancy.accept('rls_not_forced', 'shop.patient', 'a test')$$, 'a finding can be accepted');
select is((select c.accepted from tenancy.check(array['rls_not_forced']::name[]) c), 'a test', 'it stays listed, with the reason');
select is((select a.accepted_by from tenancy.acceptance a), session_user::name, 'and who accepted it');
select is(tenancy.withdraw('rls_not_forced', 'shop.patient'), true, 'an acceptance can be taken back');
select is(tenancy.withdraw('rls_not_forced', 'shop.patient'), false, 'once');

select throws_ok($$select tenancy.accept('rls_not_forced', 'shop.patient', ' ')$$, '22023', null, 'a reason must say something');
select throws_ok($$select tenancy.accept('rls_not_forced', 'shop.patient', null)$$, '22004', null, 'and not be NULL');
select throws_ok(format('select tenancy.accept(''rls_not_forced'', ''shop.patient'', %L)', repeat('x', 2001)), '22023', null, 'nor be a book');
select throws_ok($$select tenancy.accept('no_such_rule', 'shop.patient', 'a test')$$, '22023', null, 'a rule that is not there is refused');
select throws_ok($$select tenancy.accept('rls_not_forced', 'shop.nothing', 'a test')$$, 'P0002', null, 'and what the rule does not find');
select throws_ok($$select * from tenancy.check(array['no_such_rule']::name[])$$, '22023', null, 'check refuses a rule that is not there');

-- A rule that fails is told of, and stops no other.
create or replace function tenancy.rule_rls_not_forced() returns setof tenancy.finding language plpgsql stable as 'begin raise exception ''stumbled''; end';
select results_eq($$select c.severity, c.object, c.gain from tenancy.check(array['rls_not_forced']::name[]) c$$,
                  $$values ('critical', 'rule rls_not_forced', 'nobody knows: the rule could not look (stumbled)')$$, 'a rule that fails is a finding');
select cmp_ok((select count(distinct c.rule) from tenancy.check() c), '>', 1::bigint, 'and the others find what they find');
select lives_ok($$select tenancy.accept('rls_not_forced', 'rule rls_not_forced', 'a test')$$, 'it can be accepted as any other');
select is((select c.accepted from tenancy.check(array['rls_not_forced']::name[]) c), 'a test', 'and stays listed');

select * from finish();
rollback;
