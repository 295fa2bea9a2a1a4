"""From user code to Provider records: the decorator, signatures and annotations."""
