\echo Use "ALTER EXTENSION tenancy UPDATE TO '0.2.0'" to load this file. \quit
