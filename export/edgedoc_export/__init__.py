"""edgedoc_export: checkpoints into artifact folders, without torch. For the workstation only."""
