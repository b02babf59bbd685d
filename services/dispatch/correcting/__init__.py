"""What a corrected case does to its order and to who looks on site: told, routed anew, begun again."""
