"""Amazon IVS Chat, called at the pace of its quotas."""
