-- How names are compared in this store; what is there has them in lower case.
ALTER TABLE tenancy_settings ADD COLUMN name_keys BIGINT NOT NULL DEFAULT 0;
