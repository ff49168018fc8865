export A='new'
export B='more'
