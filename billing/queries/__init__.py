"""Questions: functions over read models and the journal that answer with plain values and write nothing."""
