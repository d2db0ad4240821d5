"""What runs LearnFlow on real infrastructure."""
