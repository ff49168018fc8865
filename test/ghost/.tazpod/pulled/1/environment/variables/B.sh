export B='more'
