"""What runs behind the channels: one supervised actor each."""
