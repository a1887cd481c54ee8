"""Payment plans: `schedule` is pure, `commands` agrees and ends them, `work` charges their interest and breaks what is not kept."""
