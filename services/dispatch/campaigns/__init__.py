"""What is looked at where and how often; owns campaigns and when their next round begins."""
