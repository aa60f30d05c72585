-- leasehold: phase expand
-- In the registry's database the control plane reads what is here, and every service the version. A shared database
-- elsewhere has other roles, given by whoever runs it.

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'leasehold_registry_control') THEN
        GRANT SELECT ON shared_schema_version TO leasehold_registry_control, leasehold_registry_router;
        GRANT SELECT ON shared_os_release, shared_advisory, shared_advisory_package, shared_import
            TO leasehold_registry_control;
    END IF;
END $$;
