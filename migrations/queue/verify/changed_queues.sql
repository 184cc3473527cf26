SELECT 1 / count(*) FROM pg_catalog.pg_index i
WHERE i.indexrelid = 'queue.changed_queues'::regclass AND i.indisvalid;
