-- Contents of ours that were sent to an entry's item by calls without an answer, and may still take effect until
-- taint_until_ms: JSON, in the words of the hub; NULL when there are none.
ALTER TABLE mirror_entries ADD COLUMN late_writes TEXT;
