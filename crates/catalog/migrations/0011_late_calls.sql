-- What calls about an entry that had no answer may still bring about until taint_until_ms, and whether we trashed it: JSON,
-- in the words of the hub; NULL when there is nothing of the kind.
ALTER TABLE mirror_entries ADD COLUMN late_calls TEXT;
